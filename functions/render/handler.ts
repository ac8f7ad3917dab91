/** Entry of the render function: kustomize as a child process, without AWS rights and without a way to a cluster. */
import { parseRenderRequest, type RenderResponse } from "../../shared/render/protocol.ts";
import { createRenderHandler, type RenderHandler } from "./compose.ts";
import { readConfig } from "./config.ts";

let render: RenderHandler | undefined;

export async function handler(event: unknown): Promise<RenderResponse> {
  render ??= createRenderHandler(readConfig(process.env));
  return render(parseRenderRequest(event));
}
