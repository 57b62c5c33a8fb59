import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http";

export async function GET(request: MedusaRequest, response: MedusaResponse) {
  response.json({ message: "Hello from Medusa" });
}
