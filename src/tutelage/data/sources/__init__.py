"""From what a recipe names to raw records: files, folders, globs and hub datasets, decompressed.

`origins` lists what a source stands for; each reads its records, row by row where its format
allows. What makes a whole file unusable is an error; what is wrong with a row travels with it.
"""

from tutelage.data.sources.readers import origins, unwrap
from tutelage.data.sources.records import Origin, Record, record

__all__ = ["Origin", "Record", "origins", "record", "unwrap"]
