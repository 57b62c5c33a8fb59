import analog from "@analogjs/platform";
import { defineConfig } from "vite";

export default defineConfig({
  build: { target: ["es2020"] },
  resolve: { mainFields: ["module"] },
  plugins: [analog()],
});
