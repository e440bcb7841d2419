# Table 2: a ticket of ADE20K on Cityscapes: backbone and neck are carried over, the classifier
# is new. A fresh cycle of 50 epochs.
_base_ = '../st_hrnas_cityscapes_p90.py'
model = dict(
    neck=dict(out_channels=180), decode_head=dict(in_channels=180, channels=180))
retrain = dict(
    ticket='work_dirs/st_hrnas_ade20k_p90/ticket.pth', parts=['backbone', 'neck'], epochs=50)
