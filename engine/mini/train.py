"""Train the bundled model from nothing: `python -m engine.mini.train STAGE --work DIR --minutes M`.

The stages, in order: `vae`, `text`, `latents`, `transformer`, then `turbo` (teaches an adapter the same in half the
steps), `decoder` (sharpens pictures while the rest stays as it is) and `export`. Each goes on where it was stopped,
and writes one line a minute. `unpack` fills a new work folder with the weights that ship, to go on from those:
fitted by surgery where the recipe is larger, and with `--checkpoint` followed by what `pack` has written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from engine.mini.training import (
    checkpoint,
    components,
    config,
    encode_latents,
    train_text,
    train_transformer,
    train_turbo,
    train_vae,
    unpack,
)

WEIGHTS = Path(__file__).parent / "weights"


def export_weights(work: Path, folder: Path) -> None:
    """Put the trained parts together as the diffusers folder that the engine loads."""
    transformer, mean, deviation = train_transformer.load_transformer(work)
    vae = train_vae.load_vae(work)
    vae.latents_mean.copy_(mean)
    vae.latents_std.copy_(deviation)
    tokenizer, text_encoder = train_text.load_text_encoder(work)
    components.write_folder(folder, vae=vae, transformer=transformer, text_encoder=text_encoder, tokenizer=tokenizer)
    train_turbo.export_adapter(work, folder)


def unpack_work(work: Path, weights: Path, folder: Path | None) -> None:
    """Fill a new work folder with `weights`, and with the checkpoint in `folder` where there is one."""
    if folder:
        checkpoint.restore_checkpoint(work, folder, weights)
    else:
        unpack.unpack_weights(work, weights)


def main() -> None:
    stages = {
        "vae": lambda o: train_vae.train_vae(o.work, o.minutes),
        "text": lambda o: train_text.train_text_encoder(o.work, o.minutes),
        "latents": lambda o: encode_latents.write_shards(o.work, o.minutes, seed=o.seed),
        "transformer": lambda o: train_transformer.train_transformer(o.work, o.minutes),
        "turbo": lambda o: train_turbo.train_adapter(o.work, o.minutes),
        "decoder": lambda o: train_vae.train_vae(o.work, o.minutes, train_vae.DECODER),
        "export": lambda o: export_weights(o.work, o.weights),
        "pack": lambda o: checkpoint.pack_checkpoint(o.work, o.checkpoint),
        "unpack": lambda o: unpack_work(o.work, o.weights, o.checkpoint),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=stages)
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and latents")
    parser.add_argument("--minutes", type=float, default=15, help="minutes the stage may take, stops included")
    parser.add_argument("--recipe", choices=config.RECIPES, default="small", help="of a new work folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of the clips that `latents` draws")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder that `export` writes and `unpack` reads")
    parser.add_argument("--checkpoint", type=Path, help="folder that `pack` writes and `unpack` reads")
    options = parser.parse_args()
    if options.stage == "pack" and not options.checkpoint:
        parser.error("pack needs --checkpoint")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / config.FILE).exists():
        config.RECIPES[options.recipe].write(options.work)
    stages[options.stage](options)


if __name__ == "__main__":
    main()
