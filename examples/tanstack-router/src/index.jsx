import {
  Link,
  Outlet,
  RouterProvider,
  createRootRoute,
  createRoute,
  createRouter,
} from "@tanstack/react-router";
import { createRoot } from "react-dom/client";

const root = createRootRoute({
  component: () => (
    <>
      <Link to="/">Home</Link> <Link to="/about">About</Link>
      <Outlet />
    </>
  ),
});

const page = (path, text) =>
  createRoute({ getParentRoute: () => root, path, component: () => <h1>{text}</h1> });

const router = createRouter({
  routeTree: root.addChildren([page("/", "Hello from TanStack Router"), page("/about", "About")]),
});

createRoot(document.getElementById("root")).render(<RouterProvider router={router} />);
