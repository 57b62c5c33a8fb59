import { createRoot } from "react-dom/client";

createRoot(document.getElementById("redwood-app")).render(<h1>Hello from RedwoodJS</h1>);
