"""CompressAI's image codecs in .psl files: imported, coded with our entropy coder, fine-tuned.

The systems are those of Balle et al. 2018 (factorized prior, scale hyperprior) and of Minnen et al.
2018 (mean-scale hyperprior, joint autoregressive), with GDN or leaky ReLU, as the package
`compressai` builds them (`pip install "pseudocodec[compressai]"`). A model file holds their weights
in float16 and the tables that `update()` made once, so that no reader makes them again.

The payload of a picture, which is padded to multiples of 64 by its last row and column:

| size | field | |
|---|---|---|
| 1 | u8 flags | 1: grey; 2: device-dependent; others 0 |
| 4 | u32 CRC-32 of all table indices, as u16 in coding order | only if device-dependent |
| | one stream of the range coder: hyper-latents, latents; escapes behind the symbols of each | |

But for the factorized prior, nets in floats choose the table of each latent. On another device, or
with other versions or threads, they may choose others, and then the file does not decode: the
CRC-32 tells, and decoding warns beforehand. The photo model has no such limit.

`mbt2018` predicts each latent from those before it: both directions go latent by latent, on the
CPU, which takes 6 to 9 seconds for 768 x 512 pixels. The nets take some 640 bytes a pixel.
"""

from pseudocodec.integrations.compressai.architectures import (
    ARCHITECTURES,
    NAMES,
    Config,
    compressai,
)
from pseudocodec.integrations.compressai.checkpoints import (
    import_checkpoint,
    read_checkpoint,
    write_network,
)
from pseudocodec.integrations.compressai.model import CompressaiModel
from pseudocodec.integrations.compressai.payload import (
    DEVICE_DEPENDENT,
    decode_payload,
    encode_payload,
)
from pseudocodec.integrations.compressai.pictures import decode_picture, encode_picture
from pseudocodec.integrations.compressai.stream import Stream
from pseudocodec.integrations.compressai.tables import Tables

__all__ = [
    "ARCHITECTURES",
    "DEVICE_DEPENDENT",
    "NAMES",
    "CompressaiModel",
    "Config",
    "Stream",
    "Tables",
    "compressai",
    "decode_payload",
    "decode_picture",
    "encode_payload",
    "encode_picture",
    "import_checkpoint",
    "read_checkpoint",
    "write_network",
]
