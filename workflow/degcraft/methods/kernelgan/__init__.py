"""KernelGAN and ZSSR: the kernel and the SR network of one image from itself (NeurIPS 2019; CVPR 2018)."""
