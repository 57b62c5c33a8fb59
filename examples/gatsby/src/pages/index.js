import * as React from "react";

export default function IndexPage() {
  return <h1>Hello from Gatsby</h1>;
}

export const Head = () => <title>Gatsby example</title>;
