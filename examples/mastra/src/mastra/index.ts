import { Mastra } from "@mastra/core";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

const greet = createTool({
  id: "greet",
  description: "Greets somebody by name",
  inputSchema: z.object({ name: z.string() }),
  outputSchema: z.object({ greeting: z.string() }),
  execute: async ({ name }) => ({ greeting: `Hello ${name}` }),
});

export const mastra = new Mastra({ tools: { greet } });
