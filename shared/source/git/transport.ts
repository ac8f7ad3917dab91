/** The port to a Git server: bytes in, bytes out. HTTP and SSH implement it; the protocol above does not know which. */

import type { Reach } from "../../network/reach.ts";

/**
 * - `AuthenticationRequired`, `AuthorizationFailed`, `RepositoryNotFound`: the server's answer about who asks for what.
 * - `Unreachable`: no answer, TLS and SSH handshakes included.
 * - `Timeout`: the operation's time is over, or it was cancelled.
 * - `LimitExceeded`: the answer is larger than we are willing to take.
 * - `NotFound`: the object that was asked for is not in the repository.
 * - `Protocol`: an answer that is not Git's, or an error that the server put in words.
 */
export type GitErrorCode =
  | "AuthenticationRequired"
  | "AuthorizationFailed"
  | "RepositoryNotFound"
  | "Unreachable"
  | "Timeout"
  | "LimitExceeded"
  | "NotFound"
  | "Protocol";

/** A conversation with a Git server that failed. Messages hold no credential. */
export class GitError extends Error {
  override readonly name = "GitError";
  readonly code: GitErrorCode;

  constructor(code: GitErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface Exchange {
  /** Git's wire protocol that the request is written in. */
  readonly protocol: 2 | 0;
  /** The answer is complete after so many flush packets; a stateless transport reads to the end instead. */
  readonly flushes: number;
}

export interface GitTransport {
  /** Whether a request may be sent before the server has said anything, and every request stands alone. */
  readonly stateless: boolean;
  /** What the server says first, as pkt-lines: its capabilities (v2) or its refs (v0). @throws GitError */
  advertise(): Promise<Uint8Array>;
  /** Sends one request and gives the answer's pkt-lines. @throws GitError */
  exchange(request: Uint8Array, exchange: Exchange): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Limits of one conversation. */
export interface TransportLimits {
  /** For all requests together. */
  readonly signal: AbortSignal;
  /** Bytes of one answer. */
  readonly maxBytes: number;
}

export interface BoundedReach extends TransportLimits {
  /** Where the server may be. */
  readonly reach: Reach;
}
