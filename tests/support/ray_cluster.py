"""A Ray of several nodes on this machine, as Ray's own tests have it."""

import os
from typing import Any
from unittest.mock import patch

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",  # its tasks would get what is left of the processor, which the tests share
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_enable_metrics_collection": "0",
}


class RayCluster:
    """A head with so many CPUs, and further nodes of as many; leaving the block ends all."""

    def __init__(self, nodes: int = 2, cpus: int = 1):
        with patch.dict(os.environ, SETTINGS):
            from ray.cluster_utils import Cluster

            self._cluster = Cluster(initialize_head=True, head_node_args=self._node(cpus))
            self._cpus, self._others = cpus, []
            for _ in range(nodes - 1):
                self.start_node()

    @staticmethod
    def _node(cpus: int) -> dict[str, Any]:
        return {"num_cpus": cpus, "include_dashboard": False, "object_store_memory": 100 * 2**20}

    def start_node(self) -> None:
        with patch.dict(os.environ, SETTINGS):
            self._others.append(self._cluster.add_node(**self._node(self._cpus)))

    def __enter__(self) -> "RayCluster":
        return self

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()  # this process may be connected
        self._cluster.shutdown()

    @property
    def address(self) -> str:
        return self._cluster.address

    @property
    def other_nodes(self) -> list[str]:
        """How the progress names the nodes beside the head."""
        return [node.node_id for node in self._others]

    def kill_node(self) -> None:
        """Let the last node die, with what is at work on it."""
        self._cluster.remove_node(self._others.pop(), allow_graceful=False)
