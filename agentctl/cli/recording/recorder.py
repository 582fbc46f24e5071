"""Recorder of a run, where ``--record`` asks for one."""

from __future__ import annotations

from argparse import Namespace
from functools import partial

from agentctl import __version__
from agentctl.cli.config.settings import Settings
from agentctl.cli.host.process import Process
from agentctl.cli.host.stderr import complain
from agentctl.cli.recording.unrecorded import Unrecorded
from agentctl.engine.policy import StreamPolicy
from agentctl.errors import UsageError


def recorder(
    args: Namespace, settings: Settings, policy: StreamPolicy, process: Process
) -> Unrecorded:
    """What the flags ask for. Raises UsageError for a file that cannot be recorded to."""
    if not args.record:
        if args.record_append:
            raise UsageError("--record-append says how to --record FILE: give --record too")
        return Unrecorded()

    from agentctl.cli.recording.write import Recorder, RecordingFile
    from agentctl.recording import Header

    def header() -> Header:
        return Header(
            started_at=process.clock.now(),
            agentctl=__version__,
            transport=settings.transport,
            namespace=settings.namespace,
            components=settings.components,
            heartbeat_s=policy.heartbeat_s,
        )

    file = RecordingFile(args.record, bool(args.record_append), process.stdout.fd)

    return Recorder(file, header, process.clock, partial(complain, process))
