import { Route, Router } from "@redwoodjs/router";

const HomePage = () => <h1>Hello from RedwoodJS</h1>;

export default function Routes() {
  return (
    <Router>
      <Route path="/" page={HomePage} name="home" />
    </Router>
  );
}
