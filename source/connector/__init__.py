"""The KEBA P30 connector for BEMCom."""
