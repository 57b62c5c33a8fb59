import type { XmcpConfig } from "xmcp";

const config: XmcpConfig = {
  http: { host: "0.0.0.0", port: Number(process.env.PORT ?? 3001) },
  paths: { prompts: false, resources: false },
};

export default config;
