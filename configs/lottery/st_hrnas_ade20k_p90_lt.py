# 50 epochs under the ticket's architecture and mask, from the initial weights (LT-Init).
_base_ = './st_hrnas_ade20k_p90_rewind.py'
retrain = dict(
    ticket='work_dirs/st_hrnas_ade20k_p90_rewind/ticket.pth', epochs=50,
    start='work_dirs/st_hrnas_ade20k_p90_rewind/rewind/0.pth')
