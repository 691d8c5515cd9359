"""The kinds of which every word may matter: what deploys, what holds deployers, and what fills in parameters."""

from __future__ import annotations

from typing import Final

WHOLE: Final = frozenset(
    {
        *("HelmRelease", "HelmChart", "Kustomization", "OCIRepository", "Application", "ApplicationSet"),
        *("Task", "ClusterTask", "TaskRun", "Pipeline", "PipelineRun", "TriggerTemplate", "StepAction"),
        *("Workflow", "WorkflowTemplate", "ClusterWorkflowTemplate", "CronWorkflow"),
        *(
            "Release",
            "HelmChartProxy",
            "HelmOp",
            "ManagedChart",
            "Profile",
            "ClusterProfile",
            "Chart",
            "ClusterConfig",
            "App",
        ),
        *("Subscription", "ClusterExtension", "ResourceSet", "ResourceSetInputProvider", "Composition", "Object"),
        *("OperatorPolicy", "PlatformOperator", "PackageInstall", "GitLab", "Addon", "AWSManagedControlPlane"),
        *("Policy", "ConfigurationPolicy", "ManifestWork", "ManifestWorkReplicaSet", "Work"),
        *("Terraform", "Workspace", "Module", "Stack", "Program", "DeliveryPipeline", "DesiredState"),
        *("ComponentDefinition", "WorkloadDefinition", "VirtualClusterInstance", "VirtualClusterTemplate"),
        *(
            "Sensor",
            "AddOnTemplate",
            "GitOpsSet",
            "FluxInstance",
            "Redpanda",
            "GitRepo",
            "ConfigManagement",
            "KluctlDeployment",
            "KubernetesApp",
            "InstallPlan",
            "MachineConfig",
        ),
        *("Package", "ClusterPackage", "ClusterPolicy", "GeneratingPolicy", "NamespacedGeneratingPolicy"),
        *("MutatingPolicy", "NamespacedMutatingPolicy", "MutatingAdmissionPolicy", "Assign", "ImageUpdater"),
        *("SyncSet", "SelectorSyncSet", "Promise", "ResourceGraphDefinition", "Bundle", "RootSync", "RepoSync"),
    }
)
"""Kinds that deploy a chart or directory, or fill in parameters: what they say is wanted in full."""
