"""ML Metadata as TFX writes it.

An execution belongs to a context of each of the types pipeline, pipeline_run and node; its events
carry the key of each input and output.
"""

from ml_metadata.metadata_store import MetadataStore
from ml_metadata.proto import metadata_store_pb2 as pb

from huberflow.pipeline.history.workspace import Workspace

TRAINER = "tfx.components.trainer.component.Trainer"


class Metadata:
    """Writes executions into a workspace's store."""

    def __init__(self, workspace: Workspace) -> None:
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = str(workspace.metadata)
        self.store = MetadataStore(config)
        self._workspace = workspace
        self._artifact_type = self.store.put_artifact_type(pb.ArtifactType(name="Model"))

    def execution(
        self,
        node="Trainer",
        run="run-1",
        state=pb.Execution.COMPLETE,
        type_name=TRAINER,
        properties=None,
        inputs=(),
        outputs=(),
        found=(),
        pipeline="taxi",
    ) -> int:
        """Records an execution; ``inputs`` and ``outputs`` are (key, artifact id) pairs.

        So is ``found``: what a resolver looked up.
        """
        type_id = self.store.put_execution_type(pb.ExecutionType(name=type_name))
        execution = pb.Execution(type_id=type_id, last_known_state=state)
        for name, value in (properties or {}).items():
            if isinstance(value, dict):
                execution.custom_properties[name].struct_value.update(value)
            else:
                kind = "int_value" if isinstance(value, int) else "string_value"
                setattr(execution.custom_properties[name], kind, value)
        groups = (
            (pb.Event.INPUT, inputs),
            (pb.Event.OUTPUT, outputs),
            (pb.Event.INTERNAL_OUTPUT, found),
        )
        events = [
            pb.Event(artifact_id=number, type=kind, path=self._path(key))
            for kind, pairs in groups
            for key, number in pairs
        ]
        artifacts = self.store.get_artifacts_by_id([event.artifact_id for event in events])
        by_id = {artifact.id: artifact for artifact in artifacts}
        number, _, _ = self.store.put_execution(
            execution,
            [(by_id[event.artifact_id], event) for event in events],
            [
                self._context("pipeline", pipeline),
                self._context("pipeline_run", run),
                self._context("node", f"{pipeline}.{node}"),
            ],
        )
        return number

    def artifact(self, uri="/w/model", **properties) -> int:
        artifact = pb.Artifact(type_id=self._artifact_type, uri=uri)
        for name, value in properties.items():
            if isinstance(value, dict):
                artifact.custom_properties[name].struct_value.update(value)
            else:
                artifact.custom_properties[name].string_value = value
        return self.store.put_artifacts([artifact])[0]

    def state(self, number: int) -> int:
        return self.store.get_executions_by_id([number])[0].last_known_state

    def _path(self, key: str) -> pb.Event.Path:
        step = pb.Event.Path.Step
        return pb.Event.Path(steps=[step(key=key), step(index=0)])

    def _context(self, type_name: str, name: str) -> pb.Context:
        found = self.store.get_context_by_type_and_name(type_name, name)
        type_id = self.store.put_context_type(pb.ContextType(name=type_name))
        return found or pb.Context(type_id=type_id, name=name)
