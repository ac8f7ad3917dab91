/** Flux's condition types and reasons (fluxcd/pkg apis/meta and the reasons of each controller). */

export type ConditionType =
  | "Ready"
  | "Reconciling"
  | "Stalled"
  | "Healthy"
  | "ArtifactInStorage"
  | "ArtifactOutdated"
  | "FetchFailed"
  | "StorageOperationFailed"
  | "SourceVerified"
  /** Ours: a prune waits for a person, while all else goes on. */
  | "PrunePending"
  /** Ours: objects differ from Git and are left so. */
  | "Drifted";

export type Reason =
  | "Succeeded"
  | "Failed"
  | "ReconciliationSucceeded"
  | "ReconciliationFailed"
  | "Progressing"
  | "ProgressingWithRetry"
  | "Suspended"
  | "DependencyNotReady"
  | "ArtifactFailed"
  | "BuildFailed"
  | "PruneFailed"
  | "HealthCheckFailed"
  | "HealthCheckCanceled"
  | "InvalidPath"
  | "InvalidURL"
  | "URLInvalid"
  | "InsecureConnectionsDisallowed"
  | "UnsupportedConnectionType"
  | "InvalidCELExpression"
  | "FeatureGateDisabled"
  | "FeatureNotSupported"
  | "AccessDenied"
  | "AuthenticationFailed"
  | "GitOperationFailed"
  | "GitOperationSucceeded"
  | "EmptyGitRepository"
  | "VerificationError"
  | "StorageOperationFailed"
  | "ArchiveOperationFailed"
  | "NewArtifact"
  | "NewRevision"
  | "ArtifactUpToDate"
  | "InvalidProviderConfiguration"
  | "WorkerDied"
  | "OwnershipConflict"
  | "ReadAsMeant"
  | "PatchWithoutTarget"
  | "UnknownField"
  | "DeletionBudgetExceeded"
  | "InvalidDeletionBudget"
  | "ChildHeldBack"
  | "DriftDetected"
  | "DriftFlapping"
  | "DriftWarned"
  | "DriftAwaitsApproval"
  | "DriftAwaitsInterval"
  | "DriftSnoozed"
  | "DriftCorrectionFailed";

/** `meta.k8s.io/v1` Condition, as Flux writes it. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: Reason;
  readonly message: string;
  readonly observedGeneration: number;
  readonly lastTransitionTime: string;
}
