"""USR-DA: real-world SR as domain adaptation of features (Wang et al., ICCV 2021)."""
