import { defineConfig } from "sanity";
import { structureTool } from "sanity/structure";

const post = {
  name: "post",
  type: "document",
  fields: [{ name: "title", type: "string" }],
};

export default defineConfig({
  title: "Sanity example",
  projectId: "abc12345",
  dataset: "production",
  plugins: [structureTool()],
  schema: { types: [post] },
});
