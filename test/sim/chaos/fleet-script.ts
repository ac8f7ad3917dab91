/** A fleet repository that people keep changing, at random: apps that depend on each other, tenants that come and go. */
import type { Random } from "../random.ts";
import type { Files } from "./git.ts";
import { configMap, deployment, kustomization, namespace, print, tenantFiles } from "./manifests.ts";

interface App {
  /** Folder of its manifests; another one from time to time. */
  folder: number;
  readonly objects: Map<string, number>;
  dependsOn: number | undefined;
  wait: boolean;
  image: number | undefined;
  readonly ownNamespace: boolean;
  readonly clusters: Set<string>;
  /** Holds something that the API server refuses, until somebody mends it. */
  broken: boolean;
}

export interface FleetScript {
  /** One commit's changes; the words say what they were. */
  mutate(): string;
  /** Takes the last commit's changes back. */
  revert(): string;
  /** Mends what is broken. */
  mend(): void;
  files(): Files;
}

const shared = "shared";
const mostApps = 7;

export function createFleetScript(random: Random, clusters: readonly string[]): FleetScript {
  let apps = new Map<number, App>();
  let tenants = new Map<string, { content: number; clusters: Set<string> }>();
  let before = { apps, tenants };
  let number = 0;
  let objects = 0;

  const someClusters = () => {
    const chosen = clusters.filter(() => random.chance(0.7));
    return new Set(chosen.length > 0 ? chosen : [random.pick(clusters)]);
  };
  const anApp = () => (apps.size === 0 ? undefined : random.pick([...apps]));
  const earlier = (id: number, of: ReadonlySet<string>) =>
    [...apps].filter(([other, app]) => other < id && [...of].every((cluster) => app.clusters.has(cluster)));
  const addApp = () => {
    const id = ++number;
    const own = someClusters();
    const others = earlier(id, own);
    apps.set(id, {
      folder: 1,
      objects: new Map(Array.from({ length: random.integer(1, 4) }, () => [`o-${++objects}`, 1])),
      dependsOn: others.length > 0 && random.chance(0.6) ? random.pick(others)[0] : undefined,
      wait: random.chance(0.4),
      image: random.chance(0.4) ? 1 : undefined,
      ownNamespace: random.chance(0.5),
      clusters: own,
      broken: false,
    });
    return `add app ${id}`;
  };
  const removeApp = () => {
    const [id] = anApp() ?? [];
    if (id === undefined) return "nothing";
    apps.delete(id);
    for (const app of apps.values()) if (app.dependsOn === id) app.dependsOn = undefined;
    return `remove app ${id}`;
  };
  const moveObject = () => {
    const [from, source] = anApp() ?? [];
    const [to, target] = anApp() ?? [];
    const name = source && [...source.objects.keys()][0];
    if (!source || !target || from === to || name === undefined || source.ownNamespace || target.ownNamespace)
      return "nothing";
    target.objects.set(name, source.objects.get(name) ?? 1);
    source.objects.delete(name);
    return `move ${name} from app ${from} to app ${to}`;
  };
  const withApp = (words: string, change: (app: App, id: number) => void) => () => {
    const [id, app] = anApp() ?? [];
    if (id === undefined || !app) return "nothing";
    change(app, id);
    return `${words} ${id}`;
  };
  const operations: readonly (readonly [weight: number, operation: () => string])[] = [
    [3, () => (apps.size < mostApps ? addApp() : removeApp())],
    [2, removeApp],
    [4, withApp("add an object to app", (app) => void app.objects.set(`o-${++objects}`, 1))],
    [
      4,
      withApp("change objects of app", (app) => {
        for (const name of app.objects.keys()) if (random.chance(0.6)) app.objects.set(name, random.integer(2, 99_999));
      }),
    ],
    [3, withApp("remove an object of app", (app) => void app.objects.delete([...app.objects.keys()][0] ?? ""))],
    [2, moveObject],
    [2, withApp("roll out app", (app) => void (app.image = (app.image ?? 0) + 1))],
    [
      1,
      withApp("move the folder of app", (app) => {
        app.folder++;
      }),
    ],
    [1, withApp("toggle wait of app", (app) => void (app.wait = !app.wait))],
    [1, withApp("break app", (app) => void (app.broken = true))],
    [
      1,
      withApp("change the dependency of app", (app, id) => {
        const others = earlier(id, app.clusters);
        app.dependsOn = app.dependsOn === undefined && others.length > 0 ? random.pick(others)[0] : undefined;
      }),
    ],
    [
      4,
      () => {
        const name = `tenant-${random.integer(1, 3)}`;
        if (tenants.delete(name)) return `remove ${name}`;
        tenants.set(name, { content: 1, clusters: someClusters() });
        return `add ${name}`;
      },
    ],
    [
      1,
      () => {
        for (const tenant of tenants.values()) tenant.content = random.integer(2, 99_999);
        return "change tenants";
      },
    ],
  ];
  const bag = operations.flatMap(([weight, operation]) => Array.from({ length: weight }, () => operation));
  const mend = () => {
    for (const app of apps.values()) app.broken = false;
  };

  for (let i = 0; i < 4; i++) addApp();
  return {
    mutate: () => {
      before = structuredClone({ apps, tenants });
      if (random.chance(0.5)) mend();
      return Array.from({ length: random.integer(1, 5) }, () => random.pick(bag)()).join(", ");
    },
    revert: () => {
      ({ apps, tenants } = structuredClone(before));
      return "revert";
    },
    mend,
    files: () => {
      const files = new Map<string, string>();
      for (const cluster of clusters)
        files.set(`clusters/${cluster}/infrastructure.yaml`, print(kustomization("infrastructure", "infrastructure")));
      files.set("infrastructure/shared.yaml", print(namespace(shared), configMap("anchor", shared, {})));
      for (const [id, app] of apps) for (const [path, text] of appFiles(id, app)) files.set(path, text);
      for (const [name, tenant] of tenants)
        for (const [path, text] of tenantFiles(name, String(tenant.content), tenant.clusters)) files.set(path, text);
      return files;
    },
  };
}

function appFiles(id: number, app: App): [path: string, text: string][] {
  const folder = `apps/${id}/v${app.folder}`;
  const name = `app-${id}`;
  const where = app.ownNamespace ? name : shared;
  const objects = [
    ...(app.ownNamespace ? [namespace(name)] : [configMap(name, shared, { folder })]),
    ...[...app.objects].map(([object, value]) => configMap(object, where, { value: String(value) })),
    ...(app.image === undefined ? [] : [deployment(name, where, `registry.example.com/web:${app.image}`)]),
    ...(app.broken ? [configMap("Not_A_Name", where, {})] : []),
  ];
  const dependencies = app.dependsOn === undefined ? ["infrastructure"] : ["infrastructure", `app-${app.dependsOn}`];
  const spec = { wait: app.wait, dependsOn: dependencies.map((dependency) => ({ name: dependency })) };
  return [
    [`${folder}/manifests.yaml`, print(...objects)],
    ...[...app.clusters].map((cluster): [string, string] => [
      `clusters/${cluster}/${name}.yaml`,
      print(kustomization(name, folder, spec)),
    ]),
  ];
}
