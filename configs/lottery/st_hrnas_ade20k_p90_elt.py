# 50 epochs under the ticket's architecture and mask, from early weights (ELT-Init).
_base_ = './st_hrnas_ade20k_p90_rewind.py'
retrain = dict(
    ticket='work_dirs/st_hrnas_ade20k_p90_rewind/ticket.pth', epochs=50,
    start='work_dirs/st_hrnas_ade20k_p90_rewind/rewind/15.pth')
