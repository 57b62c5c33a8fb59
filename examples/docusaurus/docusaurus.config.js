export default {
  title: "Docusaurus example",
  url: "https://example.com",
  baseUrl: "/",
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false }]],
};
