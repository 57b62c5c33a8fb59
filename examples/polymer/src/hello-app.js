import { PolymerElement, html } from "@polymer/polymer/polymer-element.js";

class HelloApp extends PolymerElement {
  static get template() {
    return html`<h1>Hello from Polymer</h1>`;
  }
}

customElements.define("hello-app", HelloApp);
