# Table 2: a ticket of Cityscapes on ADE20K: backbone and neck are carried over, the classifier
# is new. A fresh cycle of 50 epochs.
_base_ = '../st_hrnas_ade20k_p90.py'
model = dict(
    neck=dict(out_channels=90), decode_head=dict(in_channels=90, channels=90))
retrain = dict(
    ticket='work_dirs/st_hrnas_cityscapes_p90/ticket.pth', parts=['backbone', 'neck'], epochs=50)
