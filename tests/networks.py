"""Small networks of every kind, by name."""

from degcraft.backbones import build
from degcraft.methods.dasr.networks import DASR, AwareNet
from degcraft.methods.discriminators import CropDiscriminator, PatchDiscriminator
from degcraft.methods.fssr import networks as fssr
from degcraft.methods.ikc.networks import SFTMD, Corrector, Predictor
from degcraft.methods.kernelgan import networks as kernelgan
from degcraft.methods.pdmsr.networks import KernelModule, NoiseModule
from degcraft.methods.usrda.networks import USRDA, TargetDecoder

SMALL = {
    "RCAN": lambda: build({"kind": "rcan", "width": 8, "groups": 2, "blocks": 1, "reduction": 4}),
    "EDSR": lambda: build({"kind": "edsr", "width": 8, "blocks": 2}),
    "SRResNet with dropout": lambda: build({"kind": "srresnet", "width": 8, "blocks": 1, "dropout": 0.7}),
    "RRDB with dropout": lambda: build({"kind": "rrdb", "width": 8, "blocks": 1, "growth": 4, "dropout": 0.5}),
    "SFTMD": lambda: SFTMD(8, 2, 4),
    "Predictor": lambda: Predictor(8, 4),
    "Corrector": lambda: Corrector(8, 4),
    "DASR, SR network": lambda: AwareNet(8, 2, 1, 4, code=16),
    "DASR": lambda: DASR(8, 1, 1, 4),
    "DSGAN, generator": lambda: fssr.Generator(8, 2),
    "DSGAN, discriminator": lambda: fssr.Discriminator(4),
    "KernelGAN, generator": lambda: kernelgan.Generator(8, (5, 3, 1)),
    "KernelGAN, discriminator": lambda: kernelgan.Discriminator(8, 5, 2),
    "ZSSR": lambda: kernelgan.ZSSR(8, 3),
    "PDM-SR, kernels": lambda: KernelModule(4, 8, 1, 7),
    "PDM-SR, noise": lambda: NoiseModule(2, 8, 1),
    "PDM-SR, discriminator": lambda: PatchDiscriminator(width=4, layers=2, outputs=4),
    "USR-DA": lambda: USRDA(8, 3, 1, 4),
    "USR-DA, target decoder": lambda: TargetDecoder(8, 1, 4),
    "crop discriminator": lambda: CropDiscriminator(16, width=4, stages=3, hidden=5),
}
