#!/usr/bin/env python3
"""Flink: a bounded job to DONE, with workers as its processes and from a pool."""
import beam_lib  # noqa: F401
import bounded
import world as W
from runners import Pool, Runner, need
from tap import story

need('flink', 'a bounded job on Flink')

with story():
    for flags in (('--environment_type', 'PROCESS'), ('--environment_type', 'EXTERNAL')):
        with W.World(accept_all='source') as w:
            bounded.furnish(w)
            with Runner('flink', w) as flink, Pool(w) as pool:
                more = ('--environment_config', pool.place) if 'EXTERNAL' in flags else ()
                bounded.run(w, flink, 'FlinkRunner', *flags, *more)
