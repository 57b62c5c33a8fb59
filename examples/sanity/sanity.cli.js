import { defineCliConfig } from "sanity/cli";

export default defineCliConfig({ api: { projectId: "abc12345", dataset: "production" } });
