/** Names the one thing that is used of client-node, so that a bundle holds it in a chunk of its own. */
export { KubeConfig } from "@kubernetes/client-node";
