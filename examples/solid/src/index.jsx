import { render } from "solid-js/web";

render(() => <h1>Hello from Solid</h1>, document.getElementById("root"));
