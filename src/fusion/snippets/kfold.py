"""A split table -> the same table with other projects on its validation side, k times; test stays as it is."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fusion.config.errors import UserError
from fusion.snippets.snippet import in_order


def folded(table: pa.Table, fold: int, folds: int, seed: int) -> pa.Table:
    """The projects of train and val are dealt into `folds` parts, labels as even as they allow; one part is val.

    Over all folds each of these snippets is on the validation side exactly once.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    learnt = np.flatnonzero(pc.not_equal(table["split"], "test").to_numpy())
    rows = table.take(learnt)
    projects = pc.count_distinct(rows["group"]).as_py()
    if projects < folds:
        raise UserError(f"folds={folds} needs as many projects to train on and there are {projects}; lower it.")
    dealing = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    labels, groups = rows["label"].to_numpy(zero_copy_only=False), rows["group"].to_numpy(zero_copy_only=False)
    _, held_out = list(dealing.split(labels, labels, groups))[fold]
    split = table["split"].to_numpy(zero_copy_only=False).copy()
    split[learnt] = "train"
    split[learnt[held_out]] = "val"
    at = table.schema.get_field_index("split")
    return in_order(table.set_column(at, table.schema.field(at), pa.array(split.tolist(), pa.string())))
