# Fig. 8: a ticket of ImageNet on COCO key points: the backbone is carried over, classifier and neck
# are new. With the neck of the target's own ticket: tools/transfer.py CONFIG --neck-ticket TICKET.
_base_ = '../st_hrnas_coco_p90.py'
retrain = dict(
    ticket='work_dirs/st_hrnas_imagenet_p90/ticket.pth', parts=['backbone'], epochs=210)
