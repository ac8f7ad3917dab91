/** The CDK app. Needs neither credentials nor a network; `CDK_VALIDATION=false` leaves out the checks of the templates. */
import { App, Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";

import { acknowledgeFindings } from "./acknowledgements.ts";
import { readSettings, SettingsError } from "./settings.ts";
import { ClusterStack } from "./stacks/cluster.ts";
import { ControlPlaneStack } from "./stacks/control-plane.ts";

function createApp(): App {
  const app = new App({
    analyticsReporting: false,
    // What the CLI turns on by itself: an app run without it must make the same templates.
    postCliContext: { "aws:cdk:enable-path-metadata": true, "aws:cdk:enable-asset-metadata": true },
  });
  const settings = readSettings((key) => app.node.tryGetContext(key) as unknown);
  const { fleet } = settings;
  const controlPlane = new ControlPlaneStack(app, settings);
  for (const cluster of fleet.clusters) {
    const stack = new ClusterStack(app, { fleet, cluster });
    // CloudWatch Logs tries a subscription's function when it is made.
    if (cluster.auditLogs) stack.addStackDependency(controlPlane);
  }
  acknowledgeFindings(controlPlane);
  if (process.env.CDK_VALIDATION !== "false") Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return app;
}

try {
  createApp().synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
