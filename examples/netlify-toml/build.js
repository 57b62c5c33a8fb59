import { mkdirSync, writeFileSync } from "node:fs";

const title = process.env.SITE_TITLE ?? "Hello from Netlify's file";

mkdirSync("public_html", { recursive: true });
writeFileSync("public_html/index.html", `<!doctype html><title>${title}</title><h1>${title}</h1>\n`);
