import m from "mithril";

m.mount(document.body, { view: () => m("h1", "Hello from Mithril") });
