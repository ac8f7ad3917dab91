/** What the world around the engine is like at the moment; a storm changes it, the last stretch of a run is calm. */
export interface Weather {
  /** Indexes of the table see a write up to so much later. */
  indexLagMs: number;
  /** A tick comes up to so much late. */
  tickLateMs: number;
  tickMissed: number;
  ticksStopped: boolean;
  /** Of all webhooks. */
  webhookLost: number;
  /** Of all builds. */
  renderThrottled: number;
  /** Per call: the whole process is frozen for up to two minutes, its renewals included. */
  freeze: number;
  /** How each cluster's API server refuses everything now. */
  readonly outages: Map<string, "unreachable" | "overloaded">;
}

export function clearSky(): Weather {
  return { ...calm, outages: new Map() };
}

const calm = {
  indexLagMs: 0,
  tickLateMs: 5_000,
  tickMissed: 0,
  ticksStopped: false,
  webhookLost: 0,
  renderThrottled: 0,
  freeze: 0,
};

export function calmDown(weather: Weather): void {
  Object.assign(weather, calm);
  weather.outages.clear();
}
