"""The run's own name for `seqzoo.files`."""

from seqzoo.files import force_to_disk as force_to_disk
from seqzoo.files import write_whole as write_whole
from seqzoo.files import writing as writing
