"""FSSR: learned degradation and SR with the frequencies apart (Fritsche et al., ICCVW 2019)."""
