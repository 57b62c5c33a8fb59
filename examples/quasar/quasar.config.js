import { defineConfig } from "#q-app";

export default defineConfig(() => ({ build: { vueRouterMode: "hash" } }));
