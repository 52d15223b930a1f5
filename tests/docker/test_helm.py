"""Airflow on Kubernetes: the chart's values and the pod of training hold to compose and to Kubernetes' types."""

from typing import Any

import pytest
import yaml
from kubeflow_trainer_api.models.io_k8s_api_core_v1_pod import IoK8sApiCoreV1Pod
from kubeflow_trainer_api.models.io_k8s_api_core_v1_resource_requirements import IoK8sApiCoreV1ResourceRequirements

from pipeline.contract.stages import TASKS, stages_of
from tests.stack.compose import PROJECT, image_environment, services

DOCKER = PROJECT / "docker"
VALUES = yaml.safe_load((DOCKER / "helm-values.yaml").read_text())
SETTINGS = yaml.safe_load(VALUES["extraConfigMaps"]["parlance-settings"]["data"])
POD = yaml.safe_load((DOCKER / "pod-train.yaml").read_text())
[BASE] = POD["spec"]["containers"]

OTHERWISE = {
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",  # the chart names its service after the release
    "AIRFLOW_CONN_SPARK_DEFAULT",  # no standalone master there
}


def test_settings_are_those_of_compose_and_of_the_image() -> None:
    compose = image_environment() | services({"PARLANCE_SECRETS": "/srv"})["worker"].environment
    assert SETTINGS.keys() <= compose.keys()
    assert {k: v for k, v in SETTINGS.items() if k not in OTHERWISE} == {
        k: compose[k] for k in SETTINGS.keys() - OTHERWISE
    }


def test_values_become_a_config_map_of_texts() -> None:
    assert all(isinstance(value, str) for value in SETTINGS.values())
    [told] = yaml.safe_load(VALUES["extraEnvFrom"])
    assert told["configMapRef"]["name"] in VALUES["extraConfigMaps"]


def test_no_secret_stands_in_the_values() -> None:
    assert not {"fernetKey", "jwtSecret", "apiSecretKey"} & VALUES.keys()
    assert "metadataConnection" not in VALUES["data"]


def test_the_image_is_the_one_of_compose_and_airflow_the_one_that_is_installed() -> None:
    from airflow import __version__

    tag = services({"PARLANCE_SECRETS": "/srv"})["worker"].image.partition(":")[2]
    assert VALUES["defaultAirflowTag"] == tag
    assert BASE["image"] == f"{VALUES['defaultAirflowRepository']}:{tag}"
    assert VALUES["airflowVersion"] == __version__


def test_the_pod_has_only_fields_that_kubernetes_has() -> None:
    found = IoK8sApiCoreV1Pod.from_dict(POD)
    assert found is not None
    assert found.to_dict() == POD


def test_a_field_that_kubernetes_lacks_would_be_seen() -> None:
    wrong = yaml.safe_load((DOCKER / "pod-train.yaml").read_text())
    wrong["spec"]["restartPolice"] = wrong["spec"].pop("restartPolicy")
    found = IoK8sApiCoreV1Pod.from_dict(wrong)
    assert found is None or found.to_dict() != wrong


@pytest.mark.parametrize("part", ["workers", "apiServer", "scheduler"])
def test_resources_are_as_kubernetes_writes_them(part: str) -> None:
    found = IoK8sApiCoreV1ResourceRequirements.from_dict(VALUES[part]["resources"])
    assert found is not None
    assert found.to_dict() == VALUES[part]["resources"]


def test_the_executor_makes_a_pod_of_it_that_asks_for_a_gpu() -> None:
    """KubernetesExecutor's own generator reads the file, as it does for a task's executor_config."""
    from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator

    pod = PodGenerator.deserialize_model_file(str(DOCKER / "pod-train.yaml"))
    container = pod.spec.containers[0]
    assert container.name == "base"  # the executor puts its command into this one
    assert container.resources.requests["nvidia.com/gpu"] == container.resources.limits["nvidia.com/gpu"] == "1"
    assert pod.spec.security_context.run_as_non_root


def test_its_volumes_and_settings_are_those_of_the_other_pods() -> None:
    claims = {v["name"]: v["persistentVolumeClaim"] for v in POD["spec"]["volumes"] if "persistentVolumeClaim" in v}
    assert claims == {v["name"]: v["persistentVolumeClaim"] for v in VALUES["volumes"]}
    assert [m for m in BASE["volumeMounts"] if m["name"] in claims] == VALUES["volumeMounts"]
    assert BASE["envFrom"] == yaml.safe_load(VALUES["extraEnvFrom"])
    assert POD["spec"]["terminationGracePeriodSeconds"] == VALUES["workers"]["terminationGracePeriodSeconds"]
    serving = next(d for d in yaml.safe_load_all((DOCKER / "kubernetes.yaml").read_text()) if d["kind"] == "Deployment")
    assert VALUES["volumes"][0] in serving["spec"]["template"]["spec"]["volumes"]


def test_tasks_on_gpus_name_it_and_no_others() -> None:
    from airflow.sdk import DAG

    from dags.pipeline_tasks import pipeline_tasks

    with DAG("train_chat_model", schedule=None):
        tasks: dict[str, Any] = pipeline_tasks()
    named = {name for name, task in tasks.items() if task.executor_config.get("pod_template_file")}
    assert named == {task for task in TASKS if any(stage.work.gpus != "none" for stage in stages_of(task))}
    assert {tasks[name].executor_config["pod_template_file"] for name in named} == {str(DOCKER / "pod-train.yaml")}
