"""Single manifests of the kinds that public GitOps repositories hold, as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchmarks.fleet.catalogue import Image

NAMES: Final = (
    "billing",
    "checkout",
    "ingest",
    "identity",
    "ledger",
    "mail",
    "metrics",
    "orders",
    "search",
    "shipping",
)
_PODS: Final = """\
    spec:
      serviceAccountName: {name}
      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}
      containers:
        - name: app
          image: {image}
          ports: [{{name: http, containerPort: 8080}}]
          envFrom: [{{configMapRef: {{name: {name}-settings}}}}]
          env:
            - name: POD_NAME
              valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}
          readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 10}}
          livenessProbe: {{httpGet: {{path: /live, port: http}}, periodSeconds: 20}}
          resources:
            requests: {{cpu: 100m, memory: 128Mi}}
            limits: {{memory: 256Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {{drop: [ALL]}}
"""
_SIDE: Final = """\
      initContainers:
        - name: prepare
          image: {image}
          args: [--wait]
"""


def deployment(name: str, image: str, side: str | None, *, kind: str = "Deployment") -> str:
    """A workload of one container, and one that prepares it where `side` is given."""
    labels = f"{{app.kubernetes.io/name: {name}}}"
    head = (
        f"apiVersion: apps/v1\nkind: {kind}\nmetadata:\n  name: {name}\n  labels: {labels}\nspec:\n"
        f"  selector: {{matchLabels: {labels}}}\n  template:\n    metadata: {{labels: {labels}}}\n"
    )
    return head + _PODS.format(name=name, image=image) + (_SIDE.format(image=side) if side else "")


def cron_job(name: str, image: str) -> str:
    """A job that runs each night."""
    return (
        f"apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {name}}}\nspec:\n  schedule: '15 3 * * *'\n"
        f"  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n"
        f"          containers:\n            - name: job\n              image: {image}\n              args: [--once]\n"
    )


def service(name: str) -> str:
    """A service."""
    return (
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n"
        f"  selector: {{app.kubernetes.io/name: {name}}}\n  ports: [{{name: http, port: 80, targetPort: http}}]\n"
    )


def settings(name: str, lines: int) -> str:
    """A ConfigMap of so many lines."""
    held = "".join(f"    option.{number} = {name}-{number * 37 % 101}\n" for number in range(lines))
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}-settings}}\ndata:\n  app.properties: |\n{held}"


def namespace(name: str) -> str:
    """A namespace with its quota."""
    return (
        f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{team: {name}}}\n---\n"
        f"apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: quota, namespace: {name}}}\n"
        "spec: {hard: {requests.cpu: '8', requests.memory: 16Gi, pods: '60'}}\n"
    )


def rights(name: str) -> str:
    """A service account, a role, and what binds them."""
    rules = "".join(
        f"  - apiGroups: ['{group}']\n    resources: [{resource}]\n    verbs: [get, list, watch]\n"
        for group, resource in (("", "configmaps"), ("", "secrets"), ("apps", "deployments"), ("batch", "jobs"))
    )
    return (
        f"apiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}}}\n---\n"
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{name: {name}}}\nrules:\n{rules}---\n"
        f"apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{name: {name}}}\n"
        f"roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}\n"
        f"subjects: [{{kind: ServiceAccount, name: {name}}}]\n"
    )


def ingress(name: str) -> str:
    """An ingress."""
    return (
        f"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: {name}}}\nspec:\n  rules:\n"
        f"    - host: {name}.acme.example\n      http:\n        paths:\n          - path: /\n            pathType: Prefix\n"
        f"            backend: {{service: {{name: {name}, port: {{name: http}}}}}}\n"
    )


def network_policy(name: str) -> str:
    """A network policy."""
    return (
        f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}}}\nspec:\n"
        f"  podSelector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}\n  policyTypes: [Ingress]\n"
        "  ingress: [{from: [{namespaceSelector: {matchLabels: {ingress: 'true'}}}]}]\n"
    )


def kustomization(
    resources: Iterable[str],
    *,
    namespace: str = "",
    instead: tuple[Image, Image] | None = None,
    patches: Iterable[str] = (),
) -> str:
    """A kustomization; `instead` puts the second image in the place of the first."""
    text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    text += f"namespace: {namespace}\n" if namespace else ""
    text += "resources:\n" + "".join(f"  - {each}\n" for each in resources)
    text += "".join(f"patches:\n  - path: {each}\n" for each in patches)
    if instead is None:
        return text
    old, new = instead
    tag = f"    newTag: '{new.tag}'\n" if new.tag else ""
    digest = f"    digest: {new.digest}\n" if new.pinned else ""
    return f"{text}images:\n  - name: {old.name}\n    newName: {new.name}\n{tag}{digest}"


def replicas(name: str) -> str:
    """A patch that changes no image."""
    return f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{replicas: 3}}\n"


def flux_kustomization(name: str, path: str) -> str:
    """What Flux deploys from a folder."""
    return (
        f"apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: flux-system}}\n"
        f"spec:\n  interval: 1h\n  path: ./{path}\n  prune: true\n  targetNamespace: {name}\n"
        "  sourceRef: {kind: GitRepository, name: flux-system}\n  postBuild: {substitute: {CLUSTER: production}}\n"
    )


def helm_repository(name: str) -> str:
    """Where Flux finds charts."""
    return (
        f"apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: {name}}}\n"
        "spec: {interval: 12h, url: https://charts.acme.example}\n"
    )


def helm_release(name: str, image: Image | None, lines: int) -> str:
    """A release of Flux; its values name an image, or leave that to the chart."""
    values = f"      image:\n        repository: {image.name}\n{_split(image)}" if image else ""
    more = "".join(f"      option{number}: {{enabled: true, level: {number}}}\n" for number in range(lines))
    return (
        f"apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}}}\nspec:\n  interval: 1h\n"
        f"  chart:\n    spec:\n      chart: {name}\n      version: 1.4.2\n"
        f"      sourceRef: {{kind: HelmRepository, name: {name}}}\n"
        f"  values:\n    app:\n      replicas: 2\n{values}{more}"
    )


def _split(image: Image) -> str:
    tag = f"        tag: '{image.tag}'\n" if image.tag else "        pullPolicy: Always\n"
    return tag + (f"        digest: {image.digest}\n" if image.pinned else "")


def application(name: str, image: Image | None) -> str:
    """An application of Argo CD from a chart repository."""
    values = (
        f"      valuesObject:\n        image:\n          repository: {image.name}\n{_indented(image)}" if image else ""
    )
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: {name}, namespace: argocd}}\nspec:\n"
        f"  project: default\n  destination: {{name: in-cluster, namespace: {name}}}\n  source:\n"
        f"    repoURL: https://charts.acme.example\n    chart: {name}\n    targetRevision: 2.3.1\n"
        f"    helm:\n      releaseName: {name}\n{values}  syncPolicy: {{automated: {{prune: true}}}}\n"
    )


def _indented(image: Image) -> str:
    return "".join(f"  {line}\n" for line in _split(image).splitlines())


def prometheus(name: str, image: str) -> str:
    """A Prometheus, which its operator runs."""
    return (
        f"apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nmetadata: {{name: {name}}}\nspec:\n"
        f"  image: {image}\n  replicas: 2\n  retention: 15d\n  serviceMonitorSelector: {{}}\n"
    )


def task(name: str, image: str) -> str:
    """A task of Tekton."""
    return (
        f"apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {{name: {name}}}\nspec:\n  steps:\n"
        f"    - name: build\n      image: {image}\n      script: |\n        #!/bin/sh\n        make release\n"
    )


def workflow(name: str, image: str) -> str:
    """A workflow of Argo."""
    return (
        f"apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {{name: {name}}}\nspec:\n  entrypoint: main\n"
        f"  templates:\n    - name: main\n      container:\n        image: {image}\n        command: [run]\n"
    )


def definition(name: str, fields: int) -> str:
    """The definition of a custom resource with so many fields; its descriptions speak of images."""
    held = "".join(
        f"                field{number}:\n                  description: The image, or what it is replaced by in step {number}.\n"
        "                  type: string\n"
        for number in range(fields)
    )
    group, plural = "acme.example", name.replace("-", "")
    return (
        f"apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {plural}.{group}}}\n"
        f"spec:\n  group: {group}\n  names: {{kind: Thing, plural: {plural}}}\n  scope: Namespaced\n  versions:\n"
        "    - name: v1\n      served: true\n      storage: true\n      schema:\n        openAPIV3Schema:\n"
        "          type: object\n          properties:\n            spec:\n              type: object\n"
        f"              properties:\n{held}"
    )
