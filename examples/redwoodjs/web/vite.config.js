import redwood from "@redwoodjs/vite";
import { defineConfig } from "vite";

export default defineConfig({ plugins: [redwood()] });
