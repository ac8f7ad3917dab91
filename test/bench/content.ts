/** The objects of the benches: 70 % ConfigMaps, 10 % each Services, ServiceAccounts and Deployments without a pod. */

export const benchNamespace = "bench";
/** Path of the measured Kustomization. Never empty in Git: a file that is no manifest keeps it. */
export const benchPath = "objects";

export type Files = Readonly<Record<string, string>>;

/** Files by their path, one object each; names begin with `prefix`, so that no run meets another's objects. */
export function objectFiles(count: number, prefix: string): Files {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => objectFile(prefix, index, "1")));
}

/** The one ConfigMap that is changed in a set of objects, with other content for every `generation`. */
export function changedFile(prefix: string, generation: string): Files {
  return Object.fromEntries([objectFile(prefix, 0, generation)]);
}

const nameOf = (prefix: string, index: number): string => `${prefix}${String(index).padStart(4, "0")}`;

function objectFile(prefix: string, index: number, generation: string): readonly [string, string] {
  const name = nameOf(prefix, index);
  const head = (apiVersion: string, kind: string) =>
    `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n  namespace: ${benchNamespace}\n  labels:\n    app: ${name}\n`;
  return [`${benchPath}/${name}.yaml`, bodyOf(head, name, index, generation)];
}

function bodyOf(
  head: (apiVersion: string, kind: string) => string,
  name: string,
  index: number,
  generation: string,
): string {
  switch (index % 10) {
    case 7:
      return `${head("v1", "Service")}spec:\n  selector:\n    app: ${name}\n  ports:\n  - name: http\n    port: 80\n    targetPort: 8080\n`;
    case 8:
      return `${head("v1", "ServiceAccount")}automountServiceAccountToken: false\n`;
    case 9:
      return `${head("apps/v1", "Deployment")}${deploymentSpec(name)}`;
    default:
      return `${head("v1", "ConfigMap")}data:\n  generation: "${generation}"\n  index: "${index}"\n  greeting: hello from ${name}\n`;
  }
}

function deploymentSpec(name: string): string {
  return `spec:
  replicas: 0
  selector:
    matchLabels:
      app: ${name}
  template:
    metadata:
      labels:
        app: ${name}
    spec:
      containers:
      - name: app
        image: registry.example.com/app:1.0.0
        ports:
        - containerPort: 8080
        resources:
          requests:
            cpu: 10m
            memory: 16Mi
`;
}
