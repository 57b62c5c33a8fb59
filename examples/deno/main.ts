import { STATUS_CODE } from "@std/http/status";

Deno.serve(() => new Response("Hello from Deno\n", { status: STATUS_CODE.OK }));
