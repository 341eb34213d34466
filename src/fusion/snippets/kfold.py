"""A split table -> the same table with other projects in its validation split, k times; test stays as it is."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import sort_by_split


def folded(table: pa.Table, fold: int, folds: int, seed: int) -> pa.Table:
    """Deal the projects of train and val into `folds` parts, labels as even as they allow; part `fold` becomes val.

    Over all folds each of these snippets is in the validation split exactly once.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    outside_test = np.flatnonzero(pc.not_equal(table["split"], "test").to_numpy())
    rows = table.take(outside_test)
    projects = pc.count_distinct(rows["group"]).as_py()
    if projects < folds:
        raise UserError(f"folds={folds} needs as many projects to train on and there are {projects}; lower it.")
    folding = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = rows["label"].to_numpy(zero_copy_only=False), rows["group"].to_numpy(zero_copy_only=False)
    _, held_out = list(folding.split(labels, labels, groups))[fold]
    split = table["split"].to_numpy(zero_copy_only=False).copy()
    split[outside_test] = "train"
    split[outside_test[held_out]] = "val"
    column = pa.array(split.tolist(), pa.string())
    position = table.schema.get_field_index("split")
    return sort_by_split(table.set_column(position, table.schema.field(position), column))
