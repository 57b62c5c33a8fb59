import { createRoot } from "react-dom/client";

const greeting = import.meta.env.VITE_GREETING ?? "Hello from Vite";

createRoot(document.getElementById("root")).render(<h1>{greeting}</h1>);
