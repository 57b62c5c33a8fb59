import type { XmcpConfig } from "xmcp";

const config: XmcpConfig = { http: true };

export default config;
