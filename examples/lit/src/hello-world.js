import { LitElement, html } from "lit";

class HelloWorld extends LitElement {
  render() {
    return html`<h1>Hello from Lit</h1>`;
  }
}

customElements.define("hello-world", HelloWorld);
