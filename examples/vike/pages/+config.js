import vikeReact from "vike-react/config";

export default { title: "Vike example", server: true, extends: [vikeReact] };
