import React from "react";

export default function Home() {
  return <h1>Hello from React Static</h1>;
}
