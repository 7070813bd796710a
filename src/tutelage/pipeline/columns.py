"""Rendered examples as columns: a million rows are two long arrays, not ten million small ones.

An example is a view that is made when asked for, so that columns which are memory-mapped from the
prepared data take no memory of the process and are read from the disk as training gets to them.
As Arrow they are one table with a row an example, which any Arrow reader understands:

    file, task: dictionary<string>   row: int64   negatives: int32 (how many sequences, at the end)
    sequences: large_list<struct<ids: large_list<int32>, weights: large_list<float>,
                                 stop_trained: bool, source: large_list<int32>,
                                 labels: large_list<int32>>>
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np

from tutelage.data.example import Source
from tutelage.prompt.rendered import Rendered
from tutelage.train.example import TrainingExample

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Columns(Sequence[TrainingExample]):
    """Training examples, column by column.

    Attributes:
        files: names of files.
        tasks: names of tasks.
        file: (examples,) int32, place in `files`.
        row: (examples,) int64, row in the file.
        task: (examples,) int32, place in `tasks`.
        negatives: (examples,) int32, how many of an example's sequences are undesired: its last.
        sequence_ends: (examples + 1,) int64, where each example's sequences end; 0 comes first.
        stop_trained: (sequences,) bool.
        token_ends: (sequences + 1,) int64, where each sequence's tokens end; 0 comes first.
        ids: (tokens,) int32.
        weights: (tokens,) float32.
        source_ends: (sequences + 1,) int64, where each sequence's source ends; 0 comes first.
        sources: (source tokens,) int32, what an encoder reads.
        label_ends: (sequences + 1,) int64, where each sequence's labels end; 0 comes first.
        labels: (labelled tokens,) int32, what masked places are to hold.
    """

    files: tuple[str, ...]
    tasks: tuple[str, ...]
    file: np.ndarray
    row: np.ndarray
    task: np.ndarray
    negatives: np.ndarray
    sequence_ends: np.ndarray
    stop_trained: np.ndarray
    token_ends: np.ndarray
    ids: np.ndarray
    weights: np.ndarray
    source_ends: np.ndarray
    sources: np.ndarray
    label_ends: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.row)

    @overload
    def __getitem__(self, index: int) -> TrainingExample: ...

    @overload
    def __getitem__(self, index: slice) -> list[TrainingExample]: ...

    def __getitem__(self, index: int | slice) -> TrainingExample | list[TrainingExample]:
        if isinstance(index, slice):
            return [self._example(at) for at in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"example {index} of {len(self)}")
        return self._example(place)

    def __iter__(self) -> Iterator[TrainingExample]:
        return (self._example(at) for at in range(len(self)))

    def task_counts(self) -> dict[str, int]:
        """Examples of each task."""
        counts = np.bincount(self.task, minlength=len(self.tasks)).tolist()
        return dict(zip(self.tasks, counts, strict=True))

    def lengths(self) -> np.ndarray:
        """Tokens of each example, all its sequences together, (examples,) int64."""
        return np.diff((self.token_ends + self.source_ends)[self.sequence_ends])

    def supervised_tokens(self) -> np.ndarray:
        """Tokens of each example that count in the loss, (examples,) int64."""
        supervised = np.cumsum(self.weights != 0, dtype=np.int64)
        before = np.concatenate([[0], supervised])
        return np.diff(before[self.token_ends[self.sequence_ends]])

    def content(self) -> Iterator[np.ndarray]:
        """What is learned from, for a digest: everything but where it came from."""
        yield from (self.negatives, self.sequence_ends, self.token_ends, self.ids, self.weights)
        yield from (self.source_ends, self.sources, self.label_ends, self.labels)

    def _example(self, at: int) -> TrainingExample:
        first, last = self.sequence_ends[at : at + 2].tolist()
        sequences = tuple(self._sequence(number) for number in range(first, last))
        desired = len(sequences) - int(self.negatives[at])
        source = Source(self.files[self.file[at]], int(self.row[at]))
        task = self.tasks[self.task[at]]
        return TrainingExample(source, task, sequences[:desired], sequences[desired:])

    def _sequence(self, number: int) -> Rendered:
        start, end = self.token_ends[number : number + 2].tolist()
        stop = bool(self.stop_trained[number])
        begin, until = self.source_ends[number : number + 2].tolist()
        source = self.sources[begin:until]
        labels = self.labels[slice(*self.label_ends[number : number + 2].tolist())]
        return Rendered(self.ids[start:end], self.weights[start:end], stop, source, labels)

    def table(self) -> pa.Table:
        """As an Arrow table, without copying."""
        import pyarrow as pa

        tokens, ends = pa.array(self.token_ends), pa.array(self.sequence_ends)
        names = ["ids", "weights", "stop_trained", "source", "labels"]
        parts = [
            pa.LargeListArray.from_arrays(tokens, pa.array(self.ids)),
            pa.LargeListArray.from_arrays(tokens, pa.array(self.weights)),
            pa.array(self.stop_trained),
            pa.LargeListArray.from_arrays(pa.array(self.source_ends), pa.array(self.sources)),
            pa.LargeListArray.from_arrays(pa.array(self.label_ends), pa.array(self.labels)),
        ]
        sequences = pa.StructArray.from_arrays(parts, names)
        return pa.table(
            {
                "file": _named(self.file, self.files),
                "row": self.row,
                "task": _named(self.task, self.tasks),
                "negatives": self.negatives,
                "sequences": pa.LargeListArray.from_arrays(ends, sequences),
            }
        )

    @classmethod
    def of_batch(cls, batch: pa.RecordBatch) -> Columns:
        """From the only batch of a table that `table` made; the arrays are views of it."""
        nested = batch.column("sequences")
        sequences = nested.values
        ids, weights = sequences.field("ids"), sequences.field("weights")
        source, labels = sequences.field("source"), sequences.field("labels")
        file, task = batch.column("file"), batch.column("task")
        return cls(
            files=tuple(file.dictionary.to_pylist()),
            tasks=tuple(task.dictionary.to_pylist()),
            file=file.indices.to_numpy(),
            row=batch.column("row").to_numpy(),
            task=task.indices.to_numpy(),
            negatives=batch.column("negatives").to_numpy(),
            sequence_ends=nested.offsets.to_numpy(),
            stop_trained=sequences.field("stop_trained").to_numpy(zero_copy_only=False),
            token_ends=ids.offsets.to_numpy(),
            ids=ids.values.to_numpy(),
            weights=weights.values.to_numpy(),
            source_ends=source.offsets.to_numpy(),
            sources=source.values.to_numpy(),
            label_ends=labels.offsets.to_numpy(),
            labels=labels.values.to_numpy(),
        )


def _named(codes: np.ndarray, names: tuple[str, ...]) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))


@dataclass
class ColumnsBuilder:
    """Takes examples one by one and keeps only their numbers."""

    _files: dict[str, int] = field(default_factory=dict)
    _tasks: dict[str, int] = field(default_factory=dict)
    _file: array[int] = field(default_factory=lambda: array("i"))
    _row: array[int] = field(default_factory=lambda: array("q"))
    _task: array[int] = field(default_factory=lambda: array("i"))
    _negatives: array[int] = field(default_factory=lambda: array("i"))
    _sequence_ends: array[int] = field(default_factory=lambda: array("q", [0]))
    _stop_trained: bytearray = field(default_factory=bytearray)
    _token_ends: array[int] = field(default_factory=lambda: array("q", [0]))
    _ids: array[int] = field(default_factory=lambda: array("i"))
    _weights: array[float] = field(default_factory=lambda: array("f"))
    _source_ends: array[int] = field(default_factory=lambda: array("q", [0]))
    _sources: array[int] = field(default_factory=lambda: array("i"))
    _label_ends: array[int] = field(default_factory=lambda: array("q", [0]))
    _labels: array[int] = field(default_factory=lambda: array("i"))

    def add(self, example: TrainingExample) -> None:
        """Take one example."""
        self._file.append(self._files.setdefault(example.source.file, len(self._files)))
        self._row.append(example.source.row)
        self._task.append(self._tasks.setdefault(example.task, len(self._tasks)))
        self._negatives.append(len(example.negatives))
        for sequence in (*example.sequences, *example.negatives):
            self._ids.frombytes(sequence.ids.tobytes())
            self._weights.frombytes(sequence.weights.tobytes())
            self._token_ends.append(len(self._ids))
            self._sources.frombytes(sequence.source.tobytes())
            self._source_ends.append(len(self._sources))
            self._labels.frombytes(sequence.labels.tobytes())
            self._label_ends.append(len(self._labels))
            self._stop_trained.append(sequence.stop_trained)
        self._sequence_ends.append(len(self._stop_trained))

    def columns(self) -> Columns:
        """What was taken; the arrays are views, so nothing can be added after."""
        return Columns(
            files=tuple(self._files),
            tasks=tuple(self._tasks),
            file=_view(self._file),
            row=_view(self._row),
            task=_view(self._task),
            negatives=_view(self._negatives),
            sequence_ends=_view(self._sequence_ends),
            stop_trained=np.frombuffer(self._stop_trained, dtype=np.bool_),
            token_ends=_view(self._token_ends),
            ids=_view(self._ids),
            weights=_view(self._weights),
            source_ends=_view(self._source_ends),
            sources=_view(self._sources),
            label_ends=_view(self._label_ends),
            labels=_view(self._labels),
        )


def _view(values: array[int] | array[float]) -> np.ndarray:
    return np.frombuffer(values, dtype=values.typecode)
