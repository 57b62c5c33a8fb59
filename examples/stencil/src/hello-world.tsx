import { Component, h } from "@stencil/core";

@Component({ tag: "hello-world", shadow: true })
export class HelloWorld {
  render() {
    return <h1>Hello from Stencil</h1>;
  }
}
